mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name          = "contender-test"
  bucket_suffix = "123456789012"
}

run "closed_versioned_encrypted" {
  assert {
    condition = alltrue(flatten([
      for block in [aws_s3_bucket_public_access_block.artifacts, aws_s3_bucket_public_access_block.logs] :
      [block.block_public_acls, block.block_public_policy, block.ignore_public_acls, block.restrict_public_buckets]
    ]))
    error_message = "Both buckets are closed to the public in all four ways."
  }

  assert {
    condition     = aws_s3_bucket_versioning.artifacts.versioning_configuration[0].status == "Enabled" && aws_s3_bucket_versioning.logs.versioning_configuration[0].status == "Enabled"
    error_message = "Both buckets keep versions."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.artifacts.rule :
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id == aws_kms_key.this.arn
    ])
    error_message = "Artifacts are encrypted with the key of this module."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "Keys rotate."
  }
}

run "policies_only_ever_deny_the_world" {
  assert {
    condition = alltrue(flatten([
      for policy in [aws_s3_bucket_policy.artifacts.policy, aws_s3_bucket_policy.logs.policy] :
      [for statement in jsondecode(policy).Statement : statement.Effect == "Deny" if statement.Principal == "*"]
    ]))
    error_message = "What is said of everyone is a refusal."
  }

  assert {
    condition = alltrue([
      for policy in [aws_s3_bucket_policy.artifacts.policy, aws_s3_bucket_policy.logs.policy] :
      anytrue([for statement in jsondecode(policy).Statement : try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"])
    ])
    error_message = "Both buckets refuse plain HTTP."
  }

  assert {
    # Without Null the comparison is true of a missing header, and every plain write would be refused.
    condition = alltrue([
      for statement in jsondecode(aws_s3_bucket_policy.artifacts.policy).Statement :
      statement.Condition.Null["s3:x-amz-server-side-encryption-aws-kms-key-id"] == "false" if statement.Sid == "OurKeyOnly"
    ])
    error_message = "A writer that names no key is let in."
  }
}

run "models_and_evidence_never_expire" {
  assert {
    condition = toset([
      for rule in aws_s3_bucket_lifecycle_configuration.artifacts.rule : rule.filter[0].prefix if length(rule.expiration) > 0
    ]) == toset(["data/", "pipelines/"])
    error_message = "Only input data and pipeline outputs expire."
  }
}

run "refuses_retention_of_nothing" {
  command = plan

  variables { retention = { data = 0 } }

  expect_failures = [var.retention]
}
