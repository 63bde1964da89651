module "autoscaler" {
  source = "../service_account_role"

  name                 = "${var.name}-autoscaler"
  oidc_provider_arn    = var.cluster.oidc_provider_arn
  service_accounts     = var.service_accounts.autoscaler
  permissions_boundary = var.permissions_boundary

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # None of these can be limited to a resource.
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
          "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags",
          "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
          "ec2:GetInstanceTypesFromInstanceRequirements",
        ]
        Resource = "*"
      },
      {
        Sid      = "ReadNodeGroups"
        Effect   = "Allow"
        Action   = ["eks:DescribeNodegroup"]
        Resource = "${replace(var.cluster.arn, ":cluster/", ":nodegroup/")}/*"
      },
      {
        Sid       = "ScaleThisCluster"
        Effect    = "Allow"
        Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster.name}" = "owned" } }
      },
    ]
  })
}
