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

variable "environments" {
  description = "Environments of this account; each gets a role that plans and a role that applies."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.environments : can(regex("^[a-z][a-z0-9]{2,15}$", name)) && name != "github"])
    error_message = "Use 3 to 16 lower-case letters and digits; github is taken by the roles made here."
  }
}

variable "image_repositories" {
  description = "Images kept in this account's registry; empty where images are pulled from another account."
  type        = set(string)
  default     = ["serving", "pipelines", "monitoring"]

  validation {
    condition     = alltrue([for name in var.image_repositories : can(regex("^[a-z][a-z0-9-]{1,40}$", name))])
    error_message = "Use lower-case letters, digits and hyphens."
  }
}

variable "image_reader_accounts" {
  description = "Other AWS accounts whose nodes may pull the images."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.image_reader_accounts : can(regex("^[0-9]{12}$", id))])
    error_message = "Give account ids of twelve digits."
  }
}
