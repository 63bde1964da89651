output "arn" {
  description = "ARN of the role, for the annotation eks.amazonaws.com/role-arn of the service accounts."
  value       = aws_iam_role.this.arn
}
