mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name              = "contender-test-github-deploy"
  oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  repository        = { owner = "acme", owner_id = 11, name = "contender", name_id = 22 }
  environment       = "production"
  policy            = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
}

run "one_repository_and_one_environment_in_both_forms" {
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = [
            "repo:acme/contender:environment:production",
            "repo:acme@11/contender@22:environment:production",
          ]
        }
      }
    }]
    error_message = "The trust must pin audience, repository and environment, in both forms of the subject, and nothing wider."
  }
}

run "refuses_a_wildcard_repository" {
  command = plan

  variables { repository = { owner = "acme", owner_id = 11, name = "*", name_id = 22 } }

  expect_failures = [var.repository]
}

run "refuses_a_wildcard_environment" {
  command = plan

  variables { environment = "*" }

  expect_failures = [var.environment]
}

run "refuses_an_id_that_is_none" {
  command = plan

  variables { repository = { owner = "acme", owner_id = 0, name = "contender", name_id = 22 } }

  expect_failures = [var.repository]
}

run "refuses_another_issuer" {
  command = plan

  variables { oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/evil.example" }

  expect_failures = [var.oidc_provider_arn]
}
