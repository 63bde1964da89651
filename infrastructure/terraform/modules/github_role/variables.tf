variable "name" {
  description = "Name of the role."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,62}$", var.name))
    error_message = "Use 3 to 63 lower-case letters, digits and hyphens, a letter first: IAM allows 64."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of GitHub's OIDC provider in IAM."
  type        = string

  validation {
    condition     = endswith(var.oidc_provider_arn, ":oidc-provider/token.actions.githubusercontent.com")
    error_message = "Give the ARN of the provider token.actions.githubusercontent.com."
  }
}

variable "repository" {
  description = "The one GitHub repository whose jobs may take the role: names, and the numeric ids that survive a rename."
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

  validation {
    condition     = alltrue([for id in [var.repository.owner_id, var.repository.name_id] : id > 0 && floor(id) == id])
    error_message = "Ids are whole numbers: gh api repos/OWNER/NAME --jq '.owner.id, .id'."
  }
}

variable "environment" {
  description = "The one GitHub environment a job must run in; its protection rules are the approval."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.environment))
    error_message = "Use lower-case letters, digits and hyphens; a wildcard would let every job in."
  }
}

variable "policy" {
  description = "Inline policy document as JSON."
  type        = string

  validation {
    condition     = can(jsondecode(var.policy).Statement)
    error_message = "The policy must be a JSON policy document with a Statement."
  }
}

variable "managed_policy_arns" {
  description = "Managed policies to attach, by a name of your choice."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.managed_policy_arns) : can(regex("^arn:[a-z-]+:iam::", arn))])
    error_message = "Every value must be the ARN of an IAM policy."
  }
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary; null only for roles that are made by hand in bootstrap."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/", var.permissions_boundary))
    error_message = "Give the ARN of an IAM policy."
  }
}
