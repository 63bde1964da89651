mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                 = "contender-test-slots"
  oidc_provider_arn    = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC"
  service_accounts     = ["contender:slot-b", "contender:slot-a"]
  permissions_boundary = "arn:aws:iam::123456789012:policy/contender-boundary"
}

run "only_the_named_accounts_of_this_cluster" {
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "oidc.eks.eu-central-1.amazonaws.com/id/ABC:aud" = "sts.amazonaws.com"
        "oidc.eks.eu-central-1.amazonaws.com/id/ABC:sub" = [
          "system:serviceaccount:contender:slot-a", "system:serviceaccount:contender:slot-b",
        ]
      }
    }
    error_message = "The trust must compare issuer, audience and both subjects exactly."
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == var.permissions_boundary
    error_message = "Every role carries the boundary."
  }

  assert {
    condition     = length(aws_iam_role_policy.this) == 0
    error_message = "Without a policy the role has none."
  }
}

run "refuses_a_wildcard_account" {
  command = plan

  variables { service_accounts = ["contender:*"] }

  expect_failures = [var.service_accounts]
}

run "refuses_nobody" {
  command = plan

  variables { service_accounts = [] }

  expect_failures = [var.service_accounts]
}
