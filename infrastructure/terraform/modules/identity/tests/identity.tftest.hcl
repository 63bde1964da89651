mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                     = "contender-test"
  permissions_boundary     = "arn:aws:iam::123456789012:policy/contender-boundary"
  github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  repository               = { owner = "acme", owner_id = 11, name = "contender", name_id = 22 }

  cluster = {
    name              = "contender-test"
    arn               = "arn:aws:eks:eu-central-1:123456789012:cluster/contender-test"
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC"
  }

  artifacts = {
    bucket_arn  = "arn:aws:s3:::contender-test-artifacts"
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/artifacts"
    prefixes    = { models = "models/", pipelines = "pipelines/", data = "data/", evidence = "evidence/", spool = "spool/" }
  }

  database = {
    administrator_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:administrator"
    application_secret_arns = {
      contender = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:contender"
      kfp       = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:kfp"
      mlflow    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mlflow"
    }
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/database"
  }

  github_roles = {
    deploy   = { environment = "test", kubernetes_groups = ["contender:deployers", "contender-team-b:deployers"] }
    observer = { environment = "test-observer", kubernetes_groups = [] }
  }
}

run "a_slot_reads_the_models_of_its_task_and_nothing_else" {
  assert {
    condition = jsondecode(local.policies["job-role-slot"]).Statement == [
      {
        Sid       = "FindObjects"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:aws:s3:::contender-test-artifacts"]
        Condition = { StringLike = { "s3:prefix" = ["models/job-role/*"] } }
      },
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:aws:s3:::contender-test-artifacts/models/job-role/*"]
      },
      {
        Sid       = "KeyOfTheObjects"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = ["arn:aws:kms:eu-central-1:123456789012:key/artifacts"]
        Condition = { StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } }
      },
    ]
    error_message = "A slot lists and reads the models of its task."
  }
}

run "who_may_write_and_delete_objects" {
  assert {
    condition = {
      for name, policy in local.policies : name => flatten([
        for statement in jsondecode(policy).Statement : statement.Resource if contains(["WriteObjects", "DeleteObjects"], statement.Sid)
      ])
      } == {
      database_setup = []
      exporter       = []
      kfp            = ["arn:aws:s3:::contender-test-artifacts/pipelines/*", "arn:aws:s3:::contender-test-artifacts/pipelines/*"]
      mlflow         = ["arn:aws:s3:::contender-test-artifacts/models/*", "arn:aws:s3:::contender-test-artifacts/models/*"]
      pipelines = [
        "arn:aws:s3:::contender-test-artifacts/models/*", "arn:aws:s3:::contender-test-artifacts/pipelines/*",
        "arn:aws:s3:::contender-test-artifacts/pipelines/*",
      ]
      retraining             = []
      job-change-release     = ["arn:aws:s3:::contender-test-artifacts/evidence/anchors/job-change/*", "arn:aws:s3:::contender-test-artifacts/models/job-change/*/artifacts/dossier/*"]
      job-change-slot        = []
      job-change-transformer = ["arn:aws:s3:::contender-test-artifacts/spool/job-change/*", "arn:aws:s3:::contender-test-artifacts/spool/job-change/*"]
      job-role-release       = ["arn:aws:s3:::contender-test-artifacts/evidence/anchors/job-role/*", "arn:aws:s3:::contender-test-artifacts/models/job-role/*/artifacts/dossier/*"]
      job-role-slot          = []
      job-role-transformer   = ["arn:aws:s3:::contender-test-artifacts/spool/job-role/*", "arn:aws:s3:::contender-test-artifacts/spool/job-role/*"]
    }
    error_message = "Only MLflow deletes models, nobody deletes evidence, and what serves writes what the store did not take."
  }
}

run "who_may_read_and_fill_which_secret" {
  assert {
    condition = {
      for name, policy in local.policies : name => flatten([
        for statement in jsondecode(policy).Statement : [
          for arn in statement.Resource : trimprefix(arn, "arn:aws:secretsmanager:eu-central-1:123456789012:secret:")
        ] if statement.Sid == "ReadSecrets"
      ])
      } == {
      database_setup         = ["contender", "kfp", "mlflow", "administrator"]
      exporter               = []
      kfp                    = ["kfp"]
      mlflow                 = ["mlflow"]
      pipelines              = ["contender"]
      retraining             = []
      job-change-release     = ["contender"]
      job-change-slot        = []
      job-change-transformer = ["contender"]
      job-role-release       = ["contender"]
      job-role-slot          = []
      job-role-transformer   = ["contender"]
    }
    error_message = "Every application reads its own secret; only the set-up job reads the administrator's."
  }

  assert {
    condition     = [for name, policy in local.policies : name if strcontains(policy, "PutSecretValue")] == ["database_setup"]
    error_message = "Only the set-up job fills secrets in."
  }
}

run "a_task_is_served_in_the_namespace_of_its_team" {
  variables { tasks = { job-change = "contender", job-role = "contender-team-b" } }

  assert {
    condition = { for name, accounts in local.accounts : name => one(accounts) if startswith(name, "job-") } == {
      job-change-release     = "contender:job-change-release"
      job-change-slot        = "contender:job-change-slot"
      job-change-transformer = "contender:job-change-transformer"
      job-role-release       = "contender-team-b:job-role-release"
      job-role-slot          = "contender-team-b:job-role-slot"
      job-role-transformer   = "contender-team-b:job-role-transformer"
    }
    error_message = "A role of a task is for the task's own account, in the namespace where it is served."
  }
}

run "refuses_a_task_that_reaches_into_a_neighbour" {
  command = plan

  variables { tasks = { "job-*" = "contender" } }

  expect_failures = [var.tasks]
}

run "no_wildcards" {
  assert {
    condition = alltrue(flatten([
      for policy in values(local.policies) : [
        for statement in jsondecode(policy).Statement : [
          alltrue([for action in statement.Action : !strcontains(action, "*")]),
          alltrue([for resource in statement.Resource : startswith(resource, "arn:") && !endswith(resource, ":*")]),
        ]
      ]
    ]))
    error_message = "Every action is named and every resource is an ARN."
  }
}

run "who_enters_the_cluster" {
  assert {
    condition     = { for name, entry in aws_eks_access_entry.github : name => entry.kubernetes_groups } == { deploy = toset(["contender:deployers", "contender-team-b:deployers"]) }
    error_message = "A role without groups has no entry; the others have their own groups."
  }

  assert {
    condition     = length(aws_eks_access_policy_association.administrator) == 0
    error_message = "Nobody administers the cluster without being named."
  }
}

run "administrators_are_named" {
  variables { administrator_role_arns = { team = "arn:aws:iam::123456789012:role/team" } }

  assert {
    condition     = [for entry in aws_eks_access_policy_association.administrator : entry.principal_arn] == ["arn:aws:iam::123456789012:role/team"]
    error_message = "The named role administers the cluster."
  }
}

run "refuses_a_shared_service_account" {
  command = plan

  variables { service_accounts = { exporter = ["contender:one"], retraining = ["contender:one"] } }

  expect_failures = [var.service_accounts]
}

run "refuses_system_masters" {
  command = plan

  variables { github_roles = { deploy = { environment = "test", kubernetes_groups = ["system:masters"] } } }

  expect_failures = [var.github_roles]
}

run "refuses_two_roles_behind_one_approval" {
  command = plan

  variables {
    github_roles = {
      deploy   = { environment = "test", kubernetes_groups = [] }
      rollback = { environment = "test", kubernetes_groups = [] }
    }
  }

  expect_failures = [var.github_roles]
}

run "refuses_a_prefix_that_reaches_into_a_neighbour" {
  command = plan

  variables {
    artifacts = {
      bucket_arn  = "arn:aws:s3:::contender-test-artifacts"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/artifacts"
      prefixes    = { models = "m", pipelines = "pipelines/", data = "data/", evidence = "evidence/", spool = "spool/" }
    }
  }

  expect_failures = [var.artifacts]
}
