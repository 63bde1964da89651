# In AWS a job may only find the cluster; what it may do there is said by the Roles its groups are bound to.
module "github_role" {
  source   = "../github_role"
  for_each = var.github_roles

  name                 = "${var.name}-github-${each.key}"
  oidc_provider_arn    = var.github_oidc_provider_arn
  repository           = var.repository
  environment          = each.value.environment
  permissions_boundary = var.permissions_boundary

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "FindTheCluster"
      Effect   = "Allow"
      Action   = ["eks:DescribeCluster"]
      Resource = var.cluster.arn
    }]
  })
}

resource "aws_eks_access_entry" "github" {
  for_each = { for name, role in var.github_roles : name => role if length(role.kubernetes_groups) > 0 }

  cluster_name      = var.cluster.name
  principal_arn     = module.github_role[each.key].arn
  kubernetes_groups = each.value.kubernetes_groups
}

resource "aws_eks_access_entry" "administrator" {
  for_each = var.administrator_role_arns

  cluster_name  = var.cluster.name
  principal_arn = each.value
}

resource "aws_eks_access_policy_association" "administrator" {
  for_each = aws_eks_access_entry.administrator

  cluster_name  = var.cluster.name
  principal_arn = each.value.principal_arn
  policy_arn    = "arn:${data.aws_partition.current.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope { type = "cluster" }
}

data "aws_partition" "current" {}
