variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Give a region such as eu-central-1."
  }
}

variable "repository" {
  description = "The one GitHub repository whose jobs may take roles: names, and the numeric ids that survive a rename."
  type = object({
    owner    = string
    owner_id = number
    name     = string
    name_id  = number
  })

  validation {
    condition = alltrue([
      for part in [var.repository.owner, var.repository.name] : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*$", part))
    ])
    error_message = "Owner and name must be plain GitHub names: no slash, no wildcard."
  }
}

variable "administrator_role_arns" {
  description = "IAM roles of people who administer the cluster, by a name of your choice."
  type        = map(string)

  validation {
    condition     = alltrue([for arn in values(var.administrator_role_arns) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/", arn))])
    error_message = "Every value must be the ARN of an IAM role."
  }
}

variable "api_access" {
  description = "Who may reach the Kubernetes API: networks outside the VPC (none: the API is private), security groups inside it."
  type = object({
    public_cidrs           = optional(list(string), [])
    client_security_groups = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = !contains(var.api_access.public_cidrs, "0.0.0.0/0")
    error_message = "The API is never open to everyone."
  }
}
