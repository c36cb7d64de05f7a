"""Reads a page of metrics with Prometheus' own parser: prints a line for each
family with its type, its number of samples, and whether its help is there."""

import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

page = urllib.request.urlopen(sys.argv[1]).read().decode()
for family in text_string_to_metric_families(page):
    print(family.name, family.type, len(family.samples), bool(family.documentation))
