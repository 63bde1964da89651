variable "name" {
  description = "Prefix of every name in this network."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Use 3 to 31 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "cidr" {
  description = "IPv4 range of the VPC, a /16."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "Give an IPv4 range that ends in /16; the subnets are cut from it."
  }
}

variable "zones" {
  description = "Availability zones by name; written out so that a zone opened by AWS never moves a subnet."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3 && length(distinct(var.zones)) == length(var.zones)
    error_message = "Name two or three different zones: EKS and RDS both need two."
  }
}

variable "nat_gateway_per_zone" {
  description = "One NAT gateway in every zone (survives the loss of a zone) instead of one for all."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "AWS services reached inside the VPC instead of through NAT, for example ecr.dkr."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9][a-z0-9.-]*$", service))])
    error_message = "Give service names as they follow com.amazonaws.REGION., for example ecr.api or sts."
  }
}

variable "cluster_name" {
  description = "Cluster whose load balancers may use the subnets."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,62}$", var.cluster_name))
    error_message = "Use lower-case letters, digits and hyphens, a letter first."
  }
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
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
