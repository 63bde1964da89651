mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                   = "contender-test"
  vpc_id                 = "vpc-0"
  subnet_ids             = ["subnet-a", "subnet-b"]
  client_security_groups = { cluster = "sg-0" }
  instance_class         = "db.t4g.medium"
  multi_az               = true
  backup_retention_days  = 7
  protected              = true
  applications           = ["contender", "mlflow"]
  permissions_boundary   = "arn:aws:iam::123456789012:policy/contender-boundary"
}

run "private_encrypted_and_tls_only" {
  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == aws_kms_key.this.arn
    error_message = "The database is private and encrypted with its own key."
  }

  assert {
    condition     = anytrue([for parameter in aws_db_parameter_group.this.parameter : parameter.name == "rds.force_ssl" && parameter.value == "1"])
    error_message = "Connections without TLS are refused."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.client : rule.referenced_security_group_id] == ["sg-0"] && alltrue([for rule in aws_vpc_security_group_ingress_rule.client : rule.cidr_ipv4 == null && rule.from_port == 5432 && rule.to_port == 5432])
    error_message = "Only the named group connects, and only to PostgreSQL."
  }
}

run "no_password_passes_through" {
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && aws_db_instance.this.password_wo == null
    error_message = "RDS makes the administrator's password."
  }

  assert {
    condition     = keys(aws_secretsmanager_secret.application) == ["contender", "mlflow"]
    error_message = "Every application has a secret of its own."
  }
}

run "protected_data_survives_a_destroy" {
  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == "contender-test-last"
    error_message = "A protected database is not deleted, and leaves a snapshot when it is forced."
  }

  assert {
    condition     = aws_secretsmanager_secret.application["contender"].recovery_window_in_days == 30
    error_message = "A deleted secret can be taken back for a month."
  }
}

run "a_throw_away_one_goes_at_once" {
  variables { protected = false }

  assert {
    condition     = !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot && aws_secretsmanager_secret.application["contender"].recovery_window_in_days == 0
    error_message = "An unprotected environment can be torn down and come up again."
  }
}

run "refuses_no_backups" {
  command = plan

  variables { backup_retention_days = 0 }

  expect_failures = [var.backup_retention_days]
}

run "refuses_nobody" {
  command = plan

  variables { client_security_groups = {} }

  expect_failures = [var.client_security_groups]
}
