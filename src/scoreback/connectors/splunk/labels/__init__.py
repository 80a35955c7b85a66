"""What analysts said: of alerts, by Enterprise Security's dispositions or the app's own actions."""
