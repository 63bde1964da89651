locals {
  addons_with_role = { for name, addon in var.addons : name => addon if addon.service_account != null }
}

module "addon_role" {
  source   = "../service_account_role"
  for_each = local.addons_with_role

  name                 = "${var.name}-${each.key}"
  oidc_provider_arn    = aws_iam_openid_connect_provider.this.arn
  service_accounts     = [each.value.service_account]
  permissions_boundary = var.permissions_boundary
  managed_policy_arns = {
    addon = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.value.managed_policy}"
  }
}

resource "aws_eks_addon" "before_nodes" {
  for_each = { for name, addon in var.addons : name => addon if addon.before_nodes }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value.version
  configuration_values        = each.value.configuration
  service_account_role_arn    = each.value.service_account == null ? null : module.addon_role[each.key].arn
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}

resource "aws_eks_addon" "after_nodes" {
  for_each = { for name, addon in var.addons : name => addon if !addon.before_nodes }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value.version
  configuration_values        = each.value.configuration
  service_account_role_arn    = each.value.service_account == null ? null : module.addon_role[each.key].arn
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  depends_on = [aws_eks_node_group.this]
}
