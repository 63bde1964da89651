"""job-change: will this person look for another job?"""
