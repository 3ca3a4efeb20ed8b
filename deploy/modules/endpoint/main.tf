/**
 * # Module endpoint
 *
 * coldstream serve, or the published FastAPI server, on instances behind an internal
 * load balancer, and the security group of the function that asks it.
 */

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  port = 8000
  key  = "${var.server}-${filesha256(var.program)}" # another program is another key, so instances are replaced
  ami  = coalesce(var.ami, "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.architecture}")

  instance_type = coalesce(var.instance_type, var.server == "fastapi" ? "t3.medium" : var.architecture == "arm64" ? "t4g.small" : "t3.small")
}

resource "aws_launch_template" "endpoint" {
  name                   = var.name
  image_id               = local.ami
  instance_type          = local.instance_type
  update_default_version = true
  vpc_security_group_ids = [aws_security_group.instance.id]
  user_data = base64encode(templatefile("${path.module}/${var.server}.sh.tftpl", {
    bucket = aws_s3_bucket.program.id
    key    = local.key
    sha256 = filesha256(var.program)
    region = data.aws_region.this.name
    port   = local.port
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.instance.arn
  }
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      encrypted             = true
      volume_size           = var.server == "fastapi" ? 16 : 8 # GB; TensorFlow takes 3, and as much while it is installed
      volume_type           = "gp3"
      delete_on_termination = true
    }
  }
  monitoring {
    enabled = true
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = var.name }
  }
}

resource "aws_autoscaling_group" "endpoint" {
  name                      = var.name
  min_size                  = var.instances.min
  max_size                  = var.instances.max
  vpc_zone_identifier       = var.subnet_ids
  target_group_arns         = [aws_lb_target_group.endpoint.arn]
  health_check_type         = "ELB"
  health_check_grace_period = var.server == "fastapi" ? 900 : 120 # seconds; installing TensorFlow takes minutes

  launch_template {
    id      = aws_launch_template.endpoint.id
    version = aws_launch_template.endpoint.latest_version
  }
  instance_refresh {
    strategy = "Rolling"
  }
  tag {
    key                 = "Name"
    value               = var.name
    propagate_at_launch = true
  }

  depends_on = [aws_s3_object.program, aws_iam_role_policy.instance, aws_vpc_security_group_egress_rule.instance]
}

resource "aws_autoscaling_policy" "cpu" {
  count                  = var.instances.max > var.instances.min ? 1 : 0
  name                   = "${var.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.endpoint.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    target_value = 60
    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

resource "aws_lb" "endpoint" {
  #checkov:skip=CKV_AWS_91:function and server log each request
  #checkov:skip=CKV_AWS_150:terraform destroy has to leave nothing
  #checkov:skip=CKV2_AWS_20:plain HTTP inside the VPC, between two security groups; there is no certificate for the load balancer's name
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  idle_timeout               = 60
}

resource "aws_lb_target_group" "endpoint" {
  #checkov:skip=CKV_AWS_378:plain HTTP inside the VPC, between two security groups; there is no certificate for the load balancer's name
  name                 = var.name
  vpc_id               = var.vpc_id
  port                 = local.port
  protocol             = "HTTP"
  deregistration_delay = 30
  health_check {
    path                = "/"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "endpoint" {
  #checkov:skip=CKV_AWS_2:plain HTTP inside the VPC, between two security groups; there is no certificate for the load balancer's name
  #checkov:skip=CKV_AWS_103:plain HTTP inside the VPC, between two security groups; there is no certificate for the load balancer's name
  load_balancer_arn = aws_lb.endpoint.arn
  port              = 80
  protocol          = "HTTP" # inside the VPC, between two security groups
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.endpoint.arn
  }
}
