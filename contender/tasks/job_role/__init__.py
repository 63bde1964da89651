"""The task job-role: which role fits this candidate's skills?"""
