# What moto answers otherwise than it was told; without these lines the second plan would want to change it.

# access_config is forgotten.
resource "aws_eks_cluster" "this" {
  lifecycle {
    ignore_changes = [access_config]
  }
}

# Remote access is reported that nobody asked for; update_config is forgotten.
resource "aws_eks_node_group" "this" {
  lifecycle {
    ignore_changes = [scaling_config[0].desired_size, remote_access, update_config]
  }
}

# The template's own tags are reported as tags of what it launches.
resource "aws_launch_template" "node" {
  lifecycle {
    ignore_changes = [tag_specifications]
  }
}
