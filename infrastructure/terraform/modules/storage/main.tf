data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  # What lives where in the artifacts bucket; roles are cut along these lines.
  prefixes = {
    models    = "models/"    # MLflow: registered versions with their serving artifacts
    pipelines = "pipelines/" # Kubeflow Pipelines: artifacts between steps
    data      = "data/"      # input data of training and scoring
    evidence  = "evidence/"  # dossiers of releases
    spool     = "spool/"     # records that the store did not take while it was away
  }
}

resource "aws_kms_key" "this" {
  description         = "${var.name} artifacts"
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AccountDecidesByIam"
      Effect    = "Allow"
      Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}-artifacts"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "artifacts" {
  # checkov:skip=CKV_AWS_144:No second region: models are rebuilt from data and lineage, and versions protect against deletion
  # checkov:skip=CKV2_AWS_62:Nothing reacts to objects; pipelines are scheduled and say what they wrote
  bucket        = "${var.name}-artifacts-${var.bucket_suffix}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_policy" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.artifacts.arn, "${aws_s3_bucket.artifacts.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        # A writer that names no key gets the bucket's; one that names another key is refused.
        Sid       = "OurKeyOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.artifacts.arn}/*"
        Condition = {
          StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = aws_kms_key.this.arn }
          # A negated comparison is true of a missing header; without this line every plain write is refused.
          Null = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
        }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.artifacts]
}

resource "aws_s3_bucket_logging" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "artifacts/"

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    id     = "replaced-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration { noncurrent_days = var.retention.replaced_versions }
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }

  rule {
    id     = "pipelines"
    status = "Enabled"
    filter { prefix = local.prefixes.pipelines }

    expiration { days = var.retention.pipelines }
  }

  # Data about people is kept no longer than the purpose needs.
  rule {
    id     = "data"
    status = "Enabled"
    filter { prefix = local.prefixes.data }

    expiration { days = var.retention.data }
  }

  depends_on = [aws_s3_bucket_versioning.artifacts]
}
