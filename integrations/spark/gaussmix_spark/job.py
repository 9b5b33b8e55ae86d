"""The program that `gaussmix spark fit` gives to spark-submit: fits, and says how far it is, a JSON object a line.

Must not be imported. Its argument is a JSON file: `paths`, `options` of fit, `output` (where the saved model goes), `stop`
(a file whose appearance ends the fit after its iteration).
"""

import json
import os
import sys
from typing import Any


def say(kind: str, **content: Any) -> None:
    print(json.dumps({"gaussmix": kind, **content}), flush=True)


def main() -> int:
    # spark-submit puts this file's folder in the path, where modules are not those of a package.
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.path.dirname(folder), *(entry for entry in sys.path if os.path.abspath(entry or ".") != folder)]
    with open(sys.argv[1]) as file:
        job = json.load(file)
    try:
        from pyspark.sql import SparkSession

        from gaussmix_spark import GaussmixSparkError, fit
    except ImportError as error:
        say("error", message=f"the driver's Python ({sys.executable}) has no {error.name}: pip install it there")
        return 1

    def on_iteration(progress: dict[str, Any]) -> bool:
        say("progress", progress=progress)
        return not os.path.exists(job["stop"])

    spark = SparkSession.builder.appName("gaussmix").getOrCreate()
    try:
        fit(spark, job["paths"], on_iteration=on_iteration, **job["options"]).save(job["output"])
    except GaussmixSparkError as error:
        say("error", message=str(error))
        return 1
    finally:
        spark.stop()
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
