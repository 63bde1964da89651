locals {
  # What one task's parts may do, below its own folders of the prefixes.
  parts = {
    for task, namespace in var.tasks : task => {
      slot        = { read = ["models/${task}/"], write = [], delete = [], secrets = [], fills = [] }
      transformer = { read = ["spool/${task}/"], write = ["spool/${task}/"], delete = ["spool/${task}/"], secrets = ["contender"], fills = [] }
      release     = { read = ["models/${task}/", "evidence/anchors/${task}/"], write = ["evidence/anchors/${task}/", "models/${task}/*/artifacts/dossier/"], delete = [], secrets = ["contender"], fills = [] }
    }
  }

  of_tasks = merge([
    for task, parts in local.parts : { for part, grant in parts : "${task}-${part}" => grant }
  ]...)

  accounts = merge(
    { for name, accounts in var.service_accounts : name => accounts },
    merge([
      for task, namespace in var.tasks : { for part in keys(local.parts[task]) : "${task}-${part}" => toset(["${namespace}:${task}-${part}"]) }
    ]...),
  )

  # Who may do what, as one table: prefixes of the artifacts bucket, or folders below them, secrets of the database it reads and
  # those it fills in.
  grants = merge(local.of_tasks, {
    pipelines      = { read = ["data", "models", "pipelines"], write = ["models", "pipelines"], delete = ["pipelines"], secrets = ["contender"], fills = [] }
    exporter       = { read = ["evidence"], write = [], delete = [], secrets = [], fills = [] }
    retraining     = { read = ["models"], write = [], delete = [], secrets = [], fills = [] }
    kfp            = { read = ["pipelines"], write = ["pipelines"], delete = ["pipelines"], secrets = ["kfp"], fills = [] }
    mlflow         = { read = ["models"], write = ["models"], delete = ["models"], secrets = ["mlflow"], fills = [] }
    database_setup = { read = [], write = [], delete = [], secrets = ["contender", "kfp", "mlflow"], fills = ["contender", "kfp", "mlflow"] }
  })

  # "models" is the whole prefix, "models/job-role/" a folder below it.
  folders = {
    for name, grant in local.grants : name => {
      for action in ["read", "write", "delete"] :
      action => [for place in grant[action] : "${var.artifacts.prefixes[split("/", place)[0]]}${try(regex("^[^/]+/(.+)$", place)[0], "")}"]
    }
  }

  objects = {
    for name, actions in local.folders : name => {
      for action, folders in actions : action => [for folder in folders : "${var.artifacts.bucket_arn}/${folder}*"]
    }
  }

  secrets = {
    for name, grant in local.grants : name => concat(
      [for application in grant.secrets : var.database.application_secret_arns[application]],
      name == "database_setup" ? [var.database.administrator_secret_arn] : [],
    )
  }

  # Every possible statement of every workload; those that grant nothing are dropped below.
  statements = {
    for name, grant in local.grants : name => [
      {
        Sid      = "FindObjects"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = length(grant.read) > 0 ? [var.artifacts.bucket_arn] : []
        Condition = {
          StringLike = { "s3:prefix" = [for folder in local.folders[name].read : "${folder}*"] }
        }
      },
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = local.objects[name].read
      },
      {
        Sid      = "WriteObjects"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = local.objects[name].write
      },
      {
        Sid      = "DeleteObjects"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = local.objects[name].delete
      },
      {
        Sid       = "KeyOfTheObjects"
        Effect    = "Allow"
        Action    = concat(["kms:Decrypt"], length(grant.write) > 0 ? ["kms:GenerateDataKey"] : [])
        Resource  = length(concat(grant.read, grant.write)) > 0 ? [var.artifacts.kms_key_arn] : []
        Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.current.name}.amazonaws.com" } }
      },
      {
        Sid      = "ReadSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        Resource = local.secrets[name]
      },
      {
        Sid      = "FillInSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:PutSecretValue"]
        Resource = [for application in grant.fills : var.database.application_secret_arns[application]]
      },
      {
        Sid       = "KeyOfTheSecrets"
        Effect    = "Allow"
        Action    = concat(["kms:Decrypt"], length(grant.fills) > 0 ? ["kms:GenerateDataKey"] : [])
        Resource  = length(local.secrets[name]) > 0 ? [var.database.kms_key_arn] : []
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${data.aws_region.current.name}.amazonaws.com" } }
      },
    ]
  }

  policies = {
    for name, statements in local.statements : name => jsonencode({
      Version   = "2012-10-17"
      Statement = [for statement in statements : statement if length(statement.Resource) > 0]
    })
  }
}

data "aws_region" "current" {}

module "workload" {
  source   = "../service_account_role"
  for_each = local.grants

  name                 = "${var.name}-${replace(each.key, "_", "-")}"
  oidc_provider_arn    = var.cluster.oidc_provider_arn
  service_accounts     = local.accounts[each.key]
  policy               = local.policies[each.key]
  permissions_boundary = var.permissions_boundary
}
