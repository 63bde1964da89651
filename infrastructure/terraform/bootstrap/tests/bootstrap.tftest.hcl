mock_provider "aws" {
  source = "../tests/mocks"
}

override_resource {
  target = aws_iam_openid_connect_provider.github
  values = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
}

variables {
  repository   = { owner = "acme", owner_id = 11, name = "contender", name_id = 22 }
  environments = ["staging", "production"]
}

run "state_is_closed_versioned_encrypted" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls, aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls, aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "The state is closed to the public in all four ways."
  }

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "A broken state can be taken back."
  }

  assert {
    condition     = !aws_s3_bucket.state.force_destroy
    error_message = "No destroy takes the state along."
  }
}

run "images_cannot_be_replaced" {
  assert {
    condition = alltrue([
      for repository in aws_ecr_repository.this :
      repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push
    ])
    error_message = "Tags are immutable and every push is scanned."
  }

  assert {
    condition = alltrue([
      for policy in aws_ecr_lifecycle_policy.this :
      alltrue([for rule in jsondecode(policy.policy).rules : rule.selection.tagStatus == "untagged"])
    ])
    error_message = "A tagged image is never expired: a rollback may need it."
  }

  assert {
    condition     = length(aws_ecr_repository_policy.readers) == 0
    error_message = "Other accounts pull only when named."
  }
}

run "every_role_is_bound_to_one_environment" {
  assert {
    condition = merge(
      { publish = module.publish[0].subjects },
      { for name, role in module.plan : "${name}-plan" => role.subjects },
      { for name, role in module.apply : "${name}-apply" => role.subjects },
      ) == {
      publish          = ["repo:acme/contender:environment:images", "repo:acme@11/contender@22:environment:images"]
      staging-plan     = ["repo:acme/contender:environment:staging-plan", "repo:acme@11/contender@22:environment:staging-plan"]
      staging-apply    = ["repo:acme/contender:environment:staging-infrastructure", "repo:acme@11/contender@22:environment:staging-infrastructure"]
      production-plan  = ["repo:acme/contender:environment:production-plan", "repo:acme@11/contender@22:environment:production-plan"]
      production-apply = ["repo:acme/contender:environment:production-infrastructure", "repo:acme@11/contender@22:environment:production-infrastructure"]
    }
    error_message = "Each role admits one environment, in both forms of the subject."
  }
}

run "an_apply_cannot_rise_above_the_boundary" {
  assert {
    condition = alltrue(flatten([
      for statements in values(local.apply_statements) : [
        for statement in statements :
        try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == aws_iam_policy.boundary.arn
        if length(setintersection(statement.Action, ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"])) > 0
      ]
    ]))
    error_message = "Roles are made and given rights only under the boundary."
  }

  assert {
    condition = alltrue(flatten([
      for name, statements in local.apply_statements : [
        for statement in statements :
        strcontains(try(statement.Resource, ""), ":role/contender-${name}-*") || strcontains(try(statement.Resource, ""), ":role/aws-service-role/") || strcontains(try(statement.Resource, ""), ":oidc-provider/oidc.eks.")
        if statement.Effect == "Allow" && statement.Sid != "ReadIam"
      ]
    ]))
    error_message = "It touches roles of its own environment only, so neither the boundary nor the roles made here."
  }

  assert {
    condition = alltrue([
      for statements in values(local.apply_statements) :
      length(setsubtract(["NoObjectsButTheOwnState", "NoSecrets"], [for statement in statements : statement.Sid if statement.Effect == "Deny"])) == 0
    ])
    error_message = "An apply reads no data about people and no secret."
  }
}

run "a_plan_only_reads" {
  assert {
    condition     = alltrue([for role in module.plan : role.managed_policies == toset(["SecurityAudit", "ViewOnlyAccess"])])
    error_message = "Configuration, not data."
  }

  assert {
    condition = alltrue(flatten([
      for statements in values(local.plan_statements) :
      [for statement in statements : [for action in statement.Action : contains(["s3:GetObject", "s3:ListBucket", "kms:Decrypt"], action)]]
    ]))
    error_message = "A plan writes nothing."
  }
}

run "an_account_that_pulls_has_no_registry" {
  variables { image_repositories = [] }

  assert {
    condition     = length(aws_ecr_repository.this) == 0 && length(module.publish) == 0
    error_message = "No registry, nobody who pushes."
  }
}

run "refuses_an_environment_called_github" {
  command = plan

  variables { environments = ["github"] }

  expect_failures = [var.environments]
}
