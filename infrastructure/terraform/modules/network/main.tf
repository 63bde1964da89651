data "aws_region" "current" {}

locals {
  # 16 ranges of /20, of which the first are for pods; the last /20 is cut into /24 for what needs few addresses.
  private  = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 4, index) }
  public   = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 8, 240 + index) }
  database = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 8, 248 + index) }

  nat_zones = var.nat_gateway_per_zone ? toset(var.zones) : toset(slice(var.zones, 0, 1))
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# The group AWS makes by itself lets its members talk to each other: emptied, so that nothing lands in it by mistake.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-default-closed" }
}

resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = {
    Name                                        = "${var.name}-public-${each.key}"
    "kubernetes.io/role/elb"                    = "1"
    "kubernetes.io/cluster/${var.cluster_name}" = "shared"
  }
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = {
    Name                                        = "${var.name}-private-${each.key}"
    "kubernetes.io/role/internal-elb"           = "1"
    "kubernetes.io/cluster/${var.cluster_name}" = "shared"
  }
}

resource "aws_subnet" "database" {
  for_each = local.database

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-database-${each.key}" }
}
