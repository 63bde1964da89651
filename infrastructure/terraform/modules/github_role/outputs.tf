output "arn" {
  description = "ARN of the role, for role-to-assume in a workflow."
  value       = aws_iam_role.this.arn
}

output "subjects" {
  description = "Subjects the trust admits, read back from it."
  value       = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals["${local.issuer}:sub"]
}

output "managed_policies" {
  description = "Names of the managed policies the role has."
  value       = toset([for attachment in aws_iam_role_policy_attachment.this : regex("[^/]+$", attachment.policy_arn)])
}
