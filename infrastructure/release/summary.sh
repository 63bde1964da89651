#!/usr/bin/env bash
# Prints where a release stands as Markdown, for a job's summary. $CONTENDER is the command, $TASK the task.
set -euo pipefail
$CONTENDER status --task "$TASK" --json | jq --raw-output '
  "## \(.task): \(.release.phase)", "",
  "| arm | slot | version | share |", "|---|---|---|---|",
  (.routing.arms[]? | "| \(.name) | \(.slot) | \(.version) | \((.range[1] - .range[0]) * 100 | round) % |"), "",
  "Verdict: \(.experiment.verdict.decision? // "none"). \(.experiment.verdict.reason? // "")", "",
  "Routing generation \(.routing.generation? // 0). The way back: the workflow `rollback`, or `contender undo --task \(.task)`."'
