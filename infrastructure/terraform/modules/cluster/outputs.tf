output "name" {
  description = "Name of the cluster, for aws eks update-kubeconfig."
  value       = aws_eks_cluster.this.name
}

output "arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "URL of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
}

output "security_group_id" {
  description = "Security group EKS puts on control plane and nodes."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "oidc_provider_arn" {
  description = "ARN of the provider through which service accounts take roles."
  value       = aws_iam_openid_connect_provider.this.arn
}

output "api_public" {
  description = "Whether any network outside the VPC reaches the API."
  value       = aws_eks_cluster.this.vpc_config[0].endpoint_public_access
}

output "capacity_types" {
  description = "ON_DEMAND or SPOT, by node group."
  value       = { for name, group in aws_eks_node_group.this : name => group.capacity_type }
}

output "log_retention_days" {
  description = "Days that control plane logs are kept."
  value       = aws_cloudwatch_log_group.control_plane.retention_in_days
}
