data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_iam_openid_connect_provider" "github" {
  url = "https://token.actions.githubusercontent.com"
}

locals {
  name                 = "contender-${var.environment}"
  permissions_boundary = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:policy/contender-boundary"
}

module "network" {
  source = "../network"

  name                 = local.name
  cidr                 = var.network.cidr
  zones                = var.network.zones
  nat_gateway_per_zone = var.network.nat_gateway_per_zone
  interface_endpoints  = var.network.interface_endpoints
  cluster_name         = local.name
  log_retention_days   = var.log_retention_days
  permissions_boundary = local.permissions_boundary
}

module "cluster" {
  source = "../cluster"

  name                       = local.name
  kubernetes_version         = var.kubernetes_version
  subnet_ids                 = module.network.private_subnet_ids
  public_access_cidrs        = var.api_access.public_cidrs
  api_client_security_groups = var.api_access.client_security_groups
  node_groups                = var.node_groups
  addons                     = var.addons
  log_retention_days         = var.log_retention_days
  permissions_boundary       = local.permissions_boundary
}

module "storage" {
  source = "../storage"

  name          = local.name
  bucket_suffix = data.aws_caller_identity.current.account_id
  force_destroy = !var.protected
}

module "database" {
  source = "../database"

  name                   = local.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.database_subnet_ids
  client_security_groups = { cluster = module.cluster.security_group_id }
  instance_class         = var.database.instance_class
  storage_gib            = var.database.storage_gib
  multi_az               = var.database.multi_az
  backup_retention_days  = var.database.backup_retention_days
  applications           = ["contender", "kfp", "mlflow"]
  protected              = var.protected
  log_retention_days     = var.log_retention_days
  permissions_boundary   = local.permissions_boundary
}

module "identity" {
  source = "../identity"

  name                     = local.name
  permissions_boundary     = local.permissions_boundary
  github_oidc_provider_arn = data.aws_iam_openid_connect_provider.github.arn
  repository               = var.repository
  administrator_role_arns  = var.administrator_role_arns
  tasks                    = var.tasks

  cluster = {
    name              = module.cluster.name
    arn               = module.cluster.arn
    oidc_provider_arn = module.cluster.oidc_provider_arn
  }

  artifacts = {
    bucket_arn  = module.storage.bucket_arn
    kms_key_arn = module.storage.kms_key_arn
    prefixes    = module.storage.prefixes
  }

  database = {
    administrator_secret_arn = module.database.administrator_secret_arn
    application_secret_arns  = module.database.application_secret_arns
    kms_key_arn              = module.database.kms_key_arn
  }

  # An undo waits for nobody, so its environment has no reviewers, and its group may do less than a deployer.
  github_roles = {
    deploy   = { environment = var.environment, kubernetes_groups = ["contender:deployers"] }
    rollback = { environment = "${var.environment}-rollback", kubernetes_groups = ["contender:rollback"] }
    train    = { environment = "${var.environment}-training", kubernetes_groups = ["contender:trainers"] }
  }
}
