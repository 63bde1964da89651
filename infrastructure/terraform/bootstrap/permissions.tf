# The most that any role made by an apply can ever do, whatever its own policies say. It grants nothing by itself.
resource "aws_iam_policy" "boundary" {
  # checkov:skip=CKV_AWS_290:A boundary limits; what a role may do is said by its own policy
  # checkov:skip=CKV_AWS_289:As above
  # checkov:skip=CKV_AWS_288:As above
  # checkov:skip=CKV_AWS_287:As above
  # checkov:skip=CKV_AWS_355:As above
  name        = "contender-boundary"
  description = "Upper limit of every role of contender"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ServicesTheSystemUses"
        Effect = "Allow"
        Action = [
          "autoscaling:*", "cloudwatch:*", "ec2:*", "ecr:*", "eks:*", "eks-auth:*", "elasticloadbalancing:*", "kms:*",
          "logs:*", "s3:*", "secretsmanager:*", "iam:CreateServiceLinkedRole",
        ]
        Resource = "*"
      },
      {
        Sid      = "NeverTheState"
        Effect   = "Deny"
        Action   = "s3:*"
        Resource = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      },
    ]
  })
}

locals {
  roles = { for name in var.environments : name => "arn:${local.partition}:iam::${local.account_id}:role/contender-${name}-*" }

  plan_statements = {
    for name in var.environments : name => [
      {
        Sid      = "ReadOwnState"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${aws_s3_bucket.state.arn}/${name}/*"
      },
      {
        Sid      = "FindState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = aws_s3_bucket.state.arn
      },
      {
        Sid      = "KeyOfTheState"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = aws_kms_key.this.arn
      },
    ]
  }

  apply_statements = {
    for name in var.environments : name => [
      {
        Sid      = "ReadIam"
        Effect   = "Allow"
        Action   = ["iam:Get*", "iam:List*"]
        Resource = "*"
      },
      {
        # A role of this environment may be made and given rights only under the boundary.
        Sid    = "RolesUnderTheBoundary"
        Effect = "Allow"
        Action = [
          "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
          "iam:AttachRolePolicy", "iam:DetachRolePolicy",
        ]
        Resource  = local.roles[name]
        Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
      },
      {
        Sid      = "KeepRoles"
        Effect   = "Allow"
        Action   = ["iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy"]
        Resource = local.roles[name]
      },
      {
        Sid      = "HandRolesToTheServicesThatUseThem"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = local.roles[name]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = [
              "ec2.amazonaws.com", "eks.amazonaws.com", "monitoring.rds.amazonaws.com", "vpc-flow-logs.amazonaws.com",
            ]
          }
        }
      },
      {
        Sid    = "ProvidersOfClusters"
        Effect = "Allow"
        Action = [
          "iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", "iam:TagOpenIDConnectProvider",
          "iam:UntagOpenIDConnectProvider", "iam:UpdateOpenIDConnectProviderThumbprint",
        ]
        Resource = "arn:${local.partition}:iam::${local.account_id}:oidc-provider/oidc.eks.*"
      },
      {
        Sid      = "ServiceLinkedRoles"
        Effect   = "Allow"
        Action   = ["iam:CreateServiceLinkedRole"]
        Resource = "arn:${local.partition}:iam::${local.account_id}:role/aws-service-role/*"
      },
      {
        # PowerUserAccess reaches every object and secret; an apply needs its own state and no data about anyone.
        Sid         = "NoObjectsButTheOwnState"
        Effect      = "Deny"
        Action      = ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*"]
        NotResource = "${aws_s3_bucket.state.arn}/${name}/*"
      },
      {
        Sid      = "NoSecrets"
        Effect   = "Deny"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
        Resource = "*"
      },
      {
        Sid      = "NeverTheStateBucketItself"
        Effect   = "Deny"
        Action   = ["s3:DeleteBucket*", "s3:PutBucket*", "s3:PutLifecycleConfiguration", "s3:PutEncryptionConfiguration"]
        Resource = aws_s3_bucket.state.arn
      },
    ]
  }
}
