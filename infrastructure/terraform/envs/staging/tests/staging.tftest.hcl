mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  repository              = { owner = "acme", owner_id = 11, name = "contender", name_id = 22 }
  administrator_role_arns = { team = "arn:aws:iam::123456789012:role/team" }
}

run "staging_is_cheap_and_may_go" {
  assert {
    condition     = module.platform.shape.nat_gateways == 1 && !module.platform.shape.database_multi_az && !module.platform.shape.protected
    error_message = "One NAT gateway, one database, nothing protected."
  }
}

run "its_roles_are_bound_to_its_own_environments" {
  assert {
    condition     = module.platform.shape.github_environments == { deploy = "staging", rollback = "staging-rollback", train = "staging-training" }
    error_message = "A job of another environment cannot take a role of staging."
  }
}

run "outputs_are_what_the_workflows_need" {
  assert {
    condition     = toset(keys(output.github_role_arns)) == toset(["deploy", "rollback", "train"])
    error_message = "One role a kind of job."
  }

  assert {
    condition = toset(keys(output.service_account_role_arns)) == toset([
      "autoscaler", "database_setup", "exporter", "kfp", "mlflow", "pipelines", "retraining",
      "job-change-release", "job-change-slot", "job-change-transformer", "job-role-release", "job-role-slot", "job-role-transformer",
    ])
    error_message = "One role a part that serves every task, and one for each part of a task."
  }

  assert {
    condition     = endswith(output.artifacts.uris.models, "/models/") && startswith(output.artifacts.uris.models, "s3://")
    error_message = "URIs are whole."
  }
}
