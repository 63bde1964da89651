output "state_bucket" {
  description = "Bucket of every root's state, for -backend-config=bucket=."
  value       = aws_s3_bucket.state.id
}

output "image_repository_urls" {
  description = "Where images are pushed, by name."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "permissions_boundary_arn" {
  description = "Upper limit that every role of an environment carries."
  value       = aws_iam_policy.boundary.arn
}

output "github_role_arns" {
  description = "Roles for role-to-assume: publish (environment images), ENV-plan and ENV-apply (environments ENV-plan, ENV-infrastructure)."
  value = merge(
    { for role in module.publish : "publish" => role.arn },
    { for name, role in module.plan : "${name}-plan" => role.arn },
    { for name, role in module.apply : "${name}-apply" => role.arn },
  )
}
