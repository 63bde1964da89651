# What moto answers otherwise than it was told; without these lines the second plan would want to change it.

# Monitoring and performance insights are forgotten.
resource "aws_db_instance" "this" {
  lifecycle {
    ignore_changes = [
      monitoring_interval, monitoring_role_arn, performance_insights_enabled, performance_insights_kms_key_id,
    ]
  }
}

# Parameters are forgotten.
resource "aws_db_parameter_group" "this" {
  lifecycle {
    create_before_destroy = true
    ignore_changes        = [parameter]
  }
}

# The description of a rule that names a group is forgotten.
resource "aws_vpc_security_group_ingress_rule" "client" {
  lifecycle {
    ignore_changes = [description]
  }
}
