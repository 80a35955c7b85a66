"""The running: the only floor that knows both the SIEMs and the learning."""
