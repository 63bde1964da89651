mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  repository              = { owner = "acme", owner_id = 11, name = "contender", name_id = 22 }
  administrator_role_arns = { team = "arn:aws:iam::123456789012:role/team" }
}

run "production_survives_the_loss_of_a_zone" {
  assert {
    condition     = module.platform.shape.nat_gateways == 3 && module.platform.shape.database_multi_az && module.platform.shape.zones == 3
    error_message = "A gateway in each of three zones and a standby database."
  }

  assert {
    condition     = module.platform.shape.backup_retention_days >= 14
    error_message = "Backups reach back two weeks at least."
  }
}

run "production_is_protected" {
  assert {
    condition     = module.platform.shape.log_retention_days >= 365
    error_message = "Logs are kept for a year."
  }

  assert {
    condition     = module.platform.shape.protected
    error_message = "What holds data refuses deletion."
  }

  assert {
    condition     = !module.platform.shape.api_public
    error_message = "The API is private."
  }

  assert {
    condition     = module.platform.shape.capacity_types["serving"] == "ON_DEMAND"
    error_message = "What answers applicants is never on capacity that AWS may take back."
  }
}

run "its_roles_are_bound_to_its_own_environments" {
  assert {
    condition     = module.platform.shape.github_environments == { deploy = "production", rollback = "production-rollback", train = "production-training" }
    error_message = "A job of another environment cannot take a role of production."
  }
}

run "refuses_an_api_open_to_everyone" {
  command = plan

  variables { api_access = { public_cidrs = ["0.0.0.0/0"] } }

  expect_failures = [var.api_access]
}
