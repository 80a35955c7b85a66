"""Alert rules as detection rules of Elastic Security."""
