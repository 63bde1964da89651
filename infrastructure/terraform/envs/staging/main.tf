module "platform" {
  source = "../../modules/platform"

  environment             = "staging"
  repository              = var.repository
  administrator_role_arns = var.administrator_role_arns
  api_access              = var.api_access

  network = {
    cidr                 = "10.10.0.0/16"
    zones                = ["${var.region}a", "${var.region}b"]
    nat_gateway_per_zone = false
  }

  # The version the manifests and the KServe controller were tried on.
  kubernetes_version = "1.36"

  node_groups = {
    general = { instance_types = ["m7i-flex.large", "m7i.large", "m6i.large"], capacity_type = "SPOT", min = 2, max = 6 }
  }

  database = {
    instance_class        = "db.t4g.medium"
    storage_gib           = 20
    multi_az              = false
    backup_retention_days = 7
  }

  # Staging holds synthetic people only and may be torn down.
  protected          = false
  log_retention_days = 30
}
