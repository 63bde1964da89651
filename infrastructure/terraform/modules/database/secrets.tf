# Only the places. The set-up job in the cluster makes the passwords and fills them in, so no plan, state or runner sees one:
# a value written from here would have to be readable by whoever plans.
resource "aws_secretsmanager_secret" "application" {
  # checkov:skip=CKV2_AWS_57:The set-up job rotates, together with the user in PostgreSQL; a Lambda would need its own way into the VPC
  for_each = var.applications

  name        = "${var.name}/database/${each.key}"
  description = "PostgreSQL user and database ${each.key}"
  kms_key_id  = aws_kms_key.this.arn
  # A protected environment can take a deletion back for a month; a throw-away one must be able to come up again today.
  recovery_window_in_days = var.protected ? 30 : 0
}
