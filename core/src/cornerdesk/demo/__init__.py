"""The whole story in a minute: an example company, stand-ins of what cannot be reached, and the real thing between.

Every process is a real one and they speak HTTP and SMTP on loopback. Nothing else imports this.
"""
