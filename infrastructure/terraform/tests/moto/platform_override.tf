# moto knows no EKS add-ons, no access entries and no security group made by EKS.
module "cluster" {
  addons = {}
}

module "database" {
  client_security_groups = { cluster = aws_security_group.cluster.id }
}

module "identity" {
  administrator_role_arns = {}

  github_roles = {
    deploy   = { environment = var.environment, kubernetes_groups = [] }
    rollback = { environment = "${var.environment}-rollback", kubernetes_groups = [] }
    train    = { environment = "${var.environment}-training", kubernetes_groups = [] }
  }
}
