mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  name                 = "contender-test"
  cidr                 = "10.10.0.0/16"
  zones                = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  cluster_name         = "contender-test"
  permissions_boundary = "arn:aws:iam::123456789012:policy/contender-boundary"
}

run "subnets_do_not_overlap" {
  assert {
    condition     = [for subnet in aws_subnet.private : subnet.cidr_block] == ["10.10.0.0/20", "10.10.16.0/20", "10.10.32.0/20"]
    error_message = "Private subnets are the first three /20."
  }

  assert {
    condition     = [for subnet in aws_subnet.public : subnet.cidr_block] == ["10.10.240.0/24", "10.10.241.0/24", "10.10.242.0/24"]
    error_message = "Public subnets are /24 of the last /20."
  }

  assert {
    condition     = [for subnet in aws_subnet.database : subnet.cidr_block] == ["10.10.248.0/24", "10.10.249.0/24", "10.10.250.0/24"]
    error_message = "Database subnets are /24 of the last /20, after the public ones."
  }
}

run "nothing_is_public_by_accident" {
  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch != true])
    error_message = "No subnet hands out public addresses by itself."
  }

  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "The default security group admits nobody."
  }

  assert {
    condition = alltrue([
      for route in concat([aws_route.internet], values(aws_route.nat)) : route.route_table_id != aws_route_table.database.id
    ])
    error_message = "The database subnets have no route out."
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow.kms_key_id == aws_kms_key.logs.arn
    error_message = "All flows are logged, encrypted."
  }
}

run "one_nat_for_all" {
  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a"] && length(distinct([for route in aws_route.nat : route.nat_gateway_id])) == 1
    error_message = "One gateway carries every zone."
  }
}

run "a_nat_in_every_zone" {
  variables { nat_gateway_per_zone = true }

  assert {
    condition     = alltrue([for zone in var.zones : aws_route.nat[zone].nat_gateway_id == aws_nat_gateway.this[zone].id]) && length(aws_nat_gateway.this) == 3
    error_message = "Every zone goes out through its own gateway."
  }
}

run "endpoints_admit_private_subnets_only" {
  variables { interface_endpoints = ["sts"] }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.endpoints : rule.cidr_ipv4] == ["10.10.0.0/20", "10.10.16.0/20", "10.10.32.0/20"]
    error_message = "Endpoints are for the private subnets."
  }
}

run "refuses_one_zone" {
  command = plan

  variables { zones = ["eu-central-1a"] }

  expect_failures = [var.zones]
}

run "refuses_a_small_range" {
  command = plan

  variables { cidr = "10.10.0.0/24" }

  expect_failures = [var.cidr]
}
