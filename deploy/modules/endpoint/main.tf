# coldstream serve on instances behind an internal load balancer, and the security
# group of the function that asks it.

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  port = 8000
  key  = "coldstream-${filesha256(var.program)}" # another program is another key, so instances are replaced
  ami  = coalesce(var.ami, "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.architecture}")
}

resource "aws_launch_template" "endpoint" {
  name                   = var.name
  image_id               = local.ami
  instance_type          = var.instance_type
  update_default_version = true
  vpc_security_group_ids = [aws_security_group.instance.id]
  user_data = base64encode(templatefile("${path.module}/start.sh.tftpl", {
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
      volume_size           = 8
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
  health_check_grace_period = 120

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
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  idle_timeout               = 60
}

resource "aws_lb_target_group" "endpoint" {
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
  load_balancer_arn = aws_lb.endpoint.arn
  port              = 80
  protocol          = "HTTP" # inside the VPC, between two security groups
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.endpoint.arn
  }
}
