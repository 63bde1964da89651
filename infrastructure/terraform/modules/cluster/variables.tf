variable "name" {
  description = "Prefix of every name in this module."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Use 3 to 31 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes, for example 1.36."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "Give a minor version such as 1.36; EKS chooses the patch."
  }
}

variable "subnet_ids" {
  description = "Private subnets of control plane and nodes, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "EKS needs subnets in two zones."
  }
}

variable "public_access_cidrs" {
  description = "Networks that may reach the API from outside the VPC; empty means the API is private."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for cidr in var.public_access_cidrs : can(cidrhost(cidr, 0)) && tonumber(split("/", cidr)[1]) >= 16
    ])
    error_message = "Give IPv4 networks of /16 or smaller: the API is never open to everyone."
  }
}

variable "api_client_security_groups" {
  description = "Security groups inside the VPC that may reach the API (self-hosted runners, a bastion), by a name of your choice."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for id in values(var.api_client_security_groups) : startswith(id, "sg-")])
    error_message = "Every value must be the id of a security group (sg-…)."
  }
}

variable "node_groups" {
  description = "Managed node groups by name. min, max and start are numbers of nodes; disk_gib is each node's root volume."
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

  validation {
    condition = alltrue([
      for group in values(var.node_groups) :
      group.min >= 0 && group.max >= 1 && group.min <= group.max && coalesce(group.start, group.min) >= group.min && coalesce(group.start, group.min) <= group.max
    ])
    error_message = "Every group needs 0 <= min <= start <= max, and max at least 1."
  }

  validation {
    condition = alltrue([
      for group in values(var.node_groups) :
      contains(["ON_DEMAND", "SPOT"], group.capacity_type) && length(group.instance_types) > 0 && group.disk_gib >= 20
    ])
    error_message = "capacity_type is ON_DEMAND or SPOT, instance_types is not empty, disk_gib is at least 20."
  }

  validation {
    condition = alltrue(flatten([
      for group in values(var.node_groups) : [
        for taint in group.taints : contains(["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"], taint.effect)
      ]
    ]))
    error_message = "A taint's effect is NO_SCHEDULE, NO_EXECUTE or PREFER_NO_SCHEDULE."
  }
}

variable "addons" {
  description = "EKS add-ons by name. configuration is JSON; managed_policy (an AWS managed policy's path and name) with service_account gives the add-on a role of its own; before_nodes are those without which no node gets ready."
  type = map(object({
    version         = optional(string)
    configuration   = optional(string)
    managed_policy  = optional(string)
    service_account = optional(string)
    before_nodes    = optional(bool, false)
  }))
  nullable = false
  default = {
    vpc-cni = {
      # Without this switch EKS accepts NetworkPolicies and enforces none of them.
      configuration   = "{\"enableNetworkPolicy\":\"true\"}"
      managed_policy  = "AmazonEKS_CNI_Policy"
      service_account = "kube-system:aws-node"
      before_nodes    = true
    }
    kube-proxy     = { before_nodes = true }
    coredns        = {}
    metrics-server = {}
    aws-ebs-csi-driver = {
      managed_policy  = "service-role/AmazonEBSCSIDriverPolicy"
      service_account = "kube-system:ebs-csi-controller-sa"
    }
  }

  validation {
    condition = alltrue([
      for addon in values(var.addons) : (addon.managed_policy == null) == (addon.service_account == null)
    ])
    error_message = "managed_policy and service_account go together."
  }

  validation {
    condition     = alltrue([for addon in values(var.addons) : addon.configuration == null || can(jsondecode(addon.configuration))])
    error_message = "configuration must be JSON."
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
