# moto reads the refusal of plain HTTP without its condition and refuses every request.
resource "aws_s3_bucket_policy" "state" {
  count = 0
}
