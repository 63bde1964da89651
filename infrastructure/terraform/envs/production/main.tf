module "platform" {
  source = "../../modules/platform"

  environment             = "production"
  repository              = var.repository
  administrator_role_arns = var.administrator_role_arns
  api_access              = var.api_access

  network = {
    cidr                 = "10.20.0.0/16"
    zones                = ["${var.region}a", "${var.region}b", "${var.region}c"]
    nat_gateway_per_zone = true
    interface_endpoints  = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts"]
  }

  # The version the manifests and the KServe controller were tried on.
  kubernetes_version = "1.36"

  node_groups = {
    # Answers applicants: never on capacity that AWS may take back.
    serving = {
      instance_types = ["m7i.large"]
      min            = 3
      max            = 12
      labels         = { workload = "serving" }
      taints         = [{ key = "workload", value = "serving", effect = "NO_SCHEDULE" }]
    }
    general = { instance_types = ["m7i.large", "m6i.large"], min = 2, max = 6 }
    training = {
      instance_types = ["m7i.2xlarge", "m6i.2xlarge", "m7a.2xlarge"]
      capacity_type  = "SPOT"
      min            = 0
      max            = 4
      disk_gib       = 100
      labels         = { workload = "training" }
      taints         = [{ key = "workload", value = "training", effect = "NO_SCHEDULE" }]
    }
  }

  database = {
    instance_class        = "db.m7g.large"
    storage_gib           = 100
    multi_az              = true
    backup_retention_days = 30
  }

  protected          = true
  log_retention_days = 365
}
