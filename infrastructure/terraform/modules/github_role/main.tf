locals {
  issuer = "token.actions.githubusercontent.com"

  # GitHub writes the subject in one of two forms, by the age and the settings of the repository.
  subjects = [
    "repo:${var.repository.owner}/${var.repository.name}:environment:${var.environment}",
    "repo:${var.repository.owner}@${var.repository.owner_id}/${var.repository.name}@${var.repository.name_id}:environment:${var.environment}",
  ]
}

resource "aws_iam_role" "this" {
  name                 = var.name
  permissions_boundary = var.permissions_boundary
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = local.subjects
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "access"
  role   = aws_iam_role.this.name
  policy = var.policy
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = var.managed_policy_arns

  role       = aws_iam_role.this.name
  policy_arn = each.value
}
