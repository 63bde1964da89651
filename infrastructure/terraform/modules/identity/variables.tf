variable "name" {
  description = "Prefix of every name in this module."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Use 3 to 31 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "cluster" {
  description = "Cluster that the service accounts live in and the GitHub roles may enter."
  type = object({
    name              = string
    arn               = string
    oidc_provider_arn = string
  })

  validation {
    condition     = can(regex("^arn:[a-z-]+:eks:", var.cluster.arn)) && can(regex(":oidc-provider/", var.cluster.oidc_provider_arn))
    error_message = "Give the ARNs of an EKS cluster and of its OIDC provider."
  }
}

variable "artifacts" {
  description = "The artifacts bucket, its key, and what lives under which prefix."
  type = object({
    bucket_arn  = string
    kms_key_arn = string
    prefixes    = map(string)
  })

  validation {
    condition     = alltrue([for prefix in values(var.artifacts.prefixes) : can(regex("^[a-z][a-z-]*/$", prefix))])
    error_message = "Every prefix is one word and ends with a slash, so that no grant reaches into a neighbour."
  }
}

variable "database" {
  description = "Secrets of the database: the administrator's, each application's, and the key they are encrypted with."
  type = object({
    administrator_secret_arn = string
    application_secret_arns  = map(string)
    kms_key_arn              = string
  })

  validation {
    condition = alltrue([
      for arn in concat([var.database.administrator_secret_arn], values(var.database.application_secret_arns)) :
      can(regex("^arn:[a-z-]+:secretsmanager:[^*]+$", arn))
    ])
    error_message = "Give whole ARNs of secrets, without wildcards."
  }
}

variable "tasks" {
  description = "The tasks by name, and the namespace each is served in: its accounts there are TASK-slot, TASK-transformer and TASK-release, each with a role of its own."
  type        = map(string)
  default     = { job-change = "contender", job-role = "contender" }

  validation {
    condition     = alltrue([for task, namespace in var.tasks : can(regex("^[a-z][a-z0-9-]{0,30}$", task)) && can(regex("^[a-z][a-z0-9-]{0,62}$", namespace))])
    error_message = "Tasks and namespaces have lower-case letters, digits and hyphens, a letter first; a task's name at most 31."
  }
}

variable "service_accounts" {
  description = "Which Kubernetes service accounts (namespace:name) hold which part that serves every task."
  type = object({
    autoscaler     = optional(set(string), ["kube-system:cluster-autoscaler"])
    database_setup = optional(set(string), ["contender:database-setup"])
    exporter       = optional(set(string), ["contender:exporter"])
    kfp            = optional(set(string), ["kubeflow:ml-pipeline"])
    mlflow         = optional(set(string), ["mlflow:mlflow"])
    pipelines      = optional(set(string), ["kubeflow:pipeline-runner"])
    retraining     = optional(set(string), ["contender:retraining"])
  })
  default = {}

  validation {
    condition     = length(flatten([for accounts in values(var.service_accounts) : tolist(accounts)])) == length(distinct(flatten([for accounts in values(var.service_accounts) : tolist(accounts)])))
    error_message = "A service account holds one part: shared between two it would have the rights of both."
  }
}

variable "github_oidc_provider_arn" {
  description = "ARN of GitHub's OIDC provider, made once per account by bootstrap."
  type        = string

  validation {
    condition     = endswith(var.github_oidc_provider_arn, ":oidc-provider/token.actions.githubusercontent.com")
    error_message = "Give the ARN of the provider token.actions.githubusercontent.com."
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

variable "github_roles" {
  description = "Roles for jobs of the repository: the GitHub environment each is bound to and the Kubernetes groups it enters the cluster with (none: it cannot)."
  type = map(object({
    environment       = string
    kubernetes_groups = list(string)
  }))
  default = {}

  validation {
    condition = alltrue(flatten([
      for role in values(var.github_roles) : [for group in role.kubernetes_groups : can(regex("^contender(-[a-z0-9-]+)?:[a-z]+$", group))]
    ]))
    error_message = "Groups are NAMESPACE:NAME of a namespace that is called contender or contender-…, and are bound by Roles of ours; system:masters is not one of them."
  }

  validation {
    condition     = length(distinct([for role in values(var.github_roles) : role.environment])) == length(var.github_roles)
    error_message = "Every role has an environment of its own, or one approval would open two roles."
  }
}

variable "administrator_role_arns" {
  description = "IAM roles of people who administer the cluster, by a name of your choice."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.administrator_role_arns) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/", arn))])
    error_message = "Every value must be the ARN of an IAM role."
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
