variable "name" {
  description = "Name of the role."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,62}$", var.name))
    error_message = "Use 3 to 63 lower-case letters, digits and hyphens, a letter first: IAM allows 64."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's OIDC provider in IAM."
  type        = string

  validation {
    condition     = can(regex(":oidc-provider/[^*]+$", var.oidc_provider_arn))
    error_message = "Give the ARN of an IAM OIDC provider (arn:…:oidc-provider/…)."
  }
}

variable "service_accounts" {
  description = "Service accounts that may take the role, each as namespace:name, exact."
  type        = set(string)

  validation {
    condition = length(var.service_accounts) > 0 && alltrue([
      for account in var.service_accounts : can(regex("^[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9.-]*$", account))
    ])
    error_message = "Give at least one service account as namespace:name, without wildcards."
  }
}

variable "policy" {
  description = "Inline policy document as JSON; null where managed policies say it all."
  type        = string
  default     = null

  validation {
    condition     = var.policy == null || can(jsondecode(var.policy).Statement)
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
  description = "ARN of the permissions boundary every role of this system carries."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/", var.permissions_boundary))
    error_message = "Give the ARN of an IAM policy."
  }
}
