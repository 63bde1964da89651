mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                 = "contender-test"
  kubernetes_version   = "1.36"
  subnet_ids           = ["subnet-a", "subnet-b"]
  node_groups          = { general = { instance_types = ["m7i.large"], min = 2, max = 4 } }
  permissions_boundary = "arn:aws:iam::123456789012:policy/contender-boundary"
}

run "private_unless_networks_are_named" {
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The API is private by default."
  }
}

run "named_networks_reach_the_api" {
  variables { public_access_cidrs = ["203.0.113.0/24"] }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.0/24"])
    error_message = "Named networks and no others reach the API."
  }
}

run "refuses_everyone" {
  command = plan

  variables { public_access_cidrs = ["0.0.0.0/0"] }

  expect_failures = [var.public_access_cidrs]
}

run "refuses_half_of_everyone" {
  command = plan

  variables { public_access_cidrs = ["0.0.0.0/1", "128.0.0.0/1"] }

  expect_failures = [var.public_access_cidrs]
}

run "encrypted_logged_and_entered_by_entry_only" {
  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == aws_kms_key.this.arn && aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"])
    error_message = "Kubernetes secrets are encrypted with the cluster's key."
  }

  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5 && aws_cloudwatch_log_group.control_plane.name == "/aws/eks/contender-test/cluster"
    error_message = "All five logs are on and go to the group whose key and retention are ours."
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Nobody is administrator by having created the cluster."
  }
}

run "pods_cannot_borrow_the_nodes_role" {
  assert {
    condition     = aws_launch_template.node["general"].metadata_options[0].http_tokens == "required" && aws_launch_template.node["general"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2 with one hop."
  }

  assert {
    condition     = aws_launch_template.node["general"].block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "Root volumes are encrypted."
  }

  assert {
    condition     = toset(keys(aws_iam_role_policy_attachment.node)) == toset(["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"])
    error_message = "A node joins and pulls, nothing else."
  }
}

run "network_policies_are_enforced" {
  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "Without it EKS accepts NetworkPolicies and enforces none."
  }

  assert {
    condition     = aws_eks_addon.before_nodes["vpc-cni"].service_account_role_arn == module.addon_role["vpc-cni"].arn
    error_message = "The CNI has a role of its own."
  }

  assert {
    condition     = contains(keys(aws_eks_addon.after_nodes), "metrics-server")
    error_message = "The HPA needs the metrics server."
  }
}

run "every_role_carries_the_boundary" {
  assert {
    condition     = aws_iam_role.cluster.permissions_boundary == var.permissions_boundary && aws_iam_role.node.permissions_boundary == var.permissions_boundary
    error_message = "Every role carries the boundary."
  }
}

run "refuses_a_start_outside_the_range" {
  command = plan

  variables { node_groups = { general = { instance_types = ["m7i.large"], min = 2, max = 4, start = 5 } } }

  expect_failures = [var.node_groups]
}
