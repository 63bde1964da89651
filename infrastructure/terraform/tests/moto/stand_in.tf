# In place of the security group EKS makes.
resource "aws_security_group" "cluster" {
  name        = "${local.name}-cluster"
  description = "Stands in for the group of control plane and nodes"
  vpc_id      = module.network.vpc_id
}
