variable "name" {
  description = "Prefix of every name in this module."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Use 3 to 31 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "bucket_suffix" {
  description = "What makes bucket names unique in the world, usually the account id."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]{4,24}$", var.bucket_suffix))
    error_message = "Use 4 to 24 lower-case letters, digits and hyphens."
  }
}

variable "retention" {
  description = "Days: replaced versions of an object, pipeline outputs, input data about people, access logs."
  type = object({
    replaced_versions = optional(number, 90)
    pipelines         = optional(number, 180)
    data              = optional(number, 180)
    access_logs       = optional(number, 365)
  })
  default = {}

  validation {
    condition     = alltrue([for days in values(var.retention) : days >= 1 && days <= 3650 && floor(days) == days])
    error_message = "Every retention is a whole number of days from 1 to 3650."
  }
}

variable "force_destroy" {
  description = "Let terraform destroy buckets that still hold objects. For throw-away environments only."
  type        = bool
  default     = false
}
