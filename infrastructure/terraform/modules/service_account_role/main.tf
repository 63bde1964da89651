locals {
  issuer = regex("oidc-provider/(.+)$", var.oidc_provider_arn)[0]
}

resource "aws_iam_role" "this" {
  name                 = var.name
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = [for account in sort(var.service_accounts) : "system:serviceaccount:${account}"]
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  count = var.policy == null ? 0 : 1

  name   = "access"
  role   = aws_iam_role.this.name
  policy = var.policy
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = var.managed_policy_arns

  role       = aws_iam_role.this.name
  policy_arn = each.value
}
