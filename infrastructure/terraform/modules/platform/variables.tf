variable "environment" {
  description = "Name of the environment; everything is called contender-ENVIRONMENT."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,15}$", var.environment)) && var.environment != "github"
    error_message = "Use 3 to 16 lower-case letters and digits. github is taken: bootstrap names its roles so."
  }
}

variable "network" {
  description = "IPv4 /16, zones by name, a NAT gateway per zone or one for all, AWS services reached inside the VPC."
  type = object({
    cidr                 = string
    zones                = list(string)
    nat_gateway_per_zone = bool
    interface_endpoints  = optional(set(string), [])
  })

  validation {
    condition     = endswith(var.network.cidr, "/16")
    error_message = "The network needs a /16."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "Give a minor version such as 1.36."
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

variable "node_groups" {
  description = "Managed node groups by name; see module cluster."
  type = map(object({
    instance_types = list(string)
    capacity_type  = optional(string, "ON_DEMAND")
    min            = number
    max            = number
    start          = optional(number)
    disk_gib       = optional(number, 50)
    labels         = optional(map(string), {})
    taints = optional(list(object({
      key    = string
      value  = string
      effect = string
    })), [])
  }))

  validation {
    condition     = length(var.node_groups) > 0
    error_message = "A cluster without nodes runs nothing: give at least one group."
  }
}

variable "addons" {
  description = "EKS add-ons by name; null takes the set of module cluster."
  type = map(object({
    version         = optional(string)
    configuration   = optional(string)
    managed_policy  = optional(string)
    service_account = optional(string)
    before_nodes    = optional(bool, false)
  }))
  default  = null
  nullable = true

  validation {
    condition     = var.addons == null || alltrue([for name in keys(coalesce(var.addons, {})) : can(regex("^[a-z0-9-]+$", name))])
    error_message = "Add-on names are lower-case letters, digits and hyphens."
  }
}

variable "database" {
  description = "Size and safety of PostgreSQL."
  type = object({
    instance_class        = string
    storage_gib           = number
    multi_az              = bool
    backup_retention_days = number
  })

  validation {
    condition     = startswith(var.database.instance_class, "db.")
    error_message = "instance_class is an RDS class such as db.t4g.medium."
  }
}

variable "protected" {
  description = "Refuse to delete what holds data: the database, full buckets, secrets. False only where everything may be lost."
  type        = bool
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number

  validation {
    condition     = contains([30, 60, 90, 180, 365, 400, 731], var.log_retention_days)
    error_message = "CloudWatch knows 30, 60, 90, 180, 365, 400 and 731 days."
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

variable "tasks" {
  description = "The tasks by name, and the namespace each is served in."
  type        = map(string)
  default     = { job-change = "contender", job-role = "contender" }

  validation {
    condition     = alltrue([for task, namespace in var.tasks : can(regex("^[a-z][a-z0-9-]{0,30}$", task)) && can(regex("^[a-z][a-z0-9-]{0,62}$", namespace))])
    error_message = "Tasks and namespaces have lower-case letters, digits and hyphens, a letter first; a task's name at most 31."
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
