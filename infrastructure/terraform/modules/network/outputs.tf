output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets of nodes and pods, one a zone."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "public_subnet_ids" {
  description = "Subnets of load balancers and NAT, one a zone."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "database_subnet_ids" {
  description = "Subnets without a route out, one a zone."
  value       = [for zone in var.zones : aws_subnet.database[zone].id]
}

output "nat_gateways" {
  description = "Number of NAT gateways."
  value       = length(aws_nat_gateway.this)
}

output "log_retention_days" {
  description = "Days that flow logs are kept."
  value       = aws_cloudwatch_log_group.flow.retention_in_days
}
