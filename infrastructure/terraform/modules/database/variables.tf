variable "name" {
  description = "Prefix of every name in this module."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Use 3 to 31 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "vpc_id" {
  description = "VPC of the database."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "Give the id of a VPC (vpc-…)."
  }
}

variable "subnet_ids" {
  description = "Subnets without a route out, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "RDS needs subnets in two zones."
  }
}

variable "client_security_groups" {
  description = "Security groups that may connect, by a name of your choice."
  type        = map(string)

  validation {
    condition     = length(var.client_security_groups) > 0
    error_message = "Name at least one client; the database admits nobody else."
  }
}

variable "engine_version" {
  description = "Major version of PostgreSQL; RDS chooses and keeps up the minor one."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^1[5-9]$", var.engine_version))
    error_message = "Give a major version from 15 to 19."
  }
}

variable "instance_class" {
  description = "Size of the instance, for example db.t4g.medium."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "Give an RDS class such as db.t4g.medium."
  }
}

variable "storage_gib" {
  description = "Storage to start with, in GiB; it grows by itself to five times that."
  type        = number
  default     = 50

  validation {
    condition     = var.storage_gib >= 20 && var.storage_gib <= 10000
    error_message = "Give 20 to 10000 GiB."
  }
}

variable "multi_az" {
  description = "Keep a standby in a second zone."
  type        = bool
}

variable "backup_retention_days" {
  description = "Days that backups, and with them the choice of any moment to restore, are kept."
  type        = number

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "RDS keeps 1 to 35 days."
  }
}

variable "protected" {
  description = "Refuse deletion, and take a last snapshot when it is forced."
  type        = bool
}

variable "applications" {
  description = "Applications that each get a database, a user and a secret of their own name."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.applications : can(regex("^[a-z][a-z0-9_]{1,30}$", name))])
    error_message = "Use lower-case letters, digits and underscores: each is a name in PostgreSQL too."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 180, 365, 400, 731], var.log_retention_days)
    error_message = "CloudWatch knows 30, 60, 90, 180, 365, 400 and 731 days."
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
