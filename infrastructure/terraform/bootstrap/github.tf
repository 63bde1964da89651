resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

module "publish" {
  source = "../modules/github_role"
  count  = length(var.image_repositories) > 0 ? 1 : 0

  name              = "contender-github-publish"
  oidc_provider_arn = aws_iam_openid_connect_provider.github.arn
  repository        = var.repository
  environment       = "images"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # A login is for the registry as a whole; AWS knows no narrower resource.
        Sid      = "Login"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = "*"
      },
      {
        Sid    = "PushAndRead"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = [for repository in aws_ecr_repository.this : repository.arn]
      },
    ]
  })
}

# Reads configuration, never data: neither managed policy may get an object or the value of a secret.
module "plan" {
  source   = "../modules/github_role"
  for_each = var.environments

  name              = "contender-github-${each.key}-plan"
  oidc_provider_arn = aws_iam_openid_connect_provider.github.arn
  repository        = var.repository
  environment       = "${each.key}-plan"
  policy            = jsonencode({ Version = "2012-10-17", Statement = local.plan_statements[each.key] })

  managed_policy_arns = {
    configuration = "arn:${local.partition}:iam::aws:policy/SecurityAudit"
    lists         = "arn:${local.partition}:iam::aws:policy/job-function/ViewOnlyAccess"
  }
}

module "apply" {
  source   = "../modules/github_role"
  for_each = var.environments

  name              = "contender-github-${each.key}-apply"
  oidc_provider_arn = aws_iam_openid_connect_provider.github.arn
  repository        = var.repository
  environment       = "${each.key}-infrastructure"
  policy            = jsonencode({ Version = "2012-10-17", Statement = local.apply_statements[each.key] })

  managed_policy_arns = {
    everything_but_iam = "arn:${local.partition}:iam::aws:policy/PowerUserAccess"
  }
}
